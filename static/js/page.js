/* Loaded first, without waiting: says that scripts run, so that copy buttons and countdowns may show. */
document.documentElement.classList.add("js");
