/* Swagger UI over our own OpenAPI document, on the test base unless somebody chooses the other. */
(() => {
  "use strict";
  const place = document.getElementById("console");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.schema,
    docExpansion: "none",
    tryItOutEnabled: true,
    validatorUrl: null,
  });
})();
