"""Read by Django (FORMAT_MODULE_PATH). The admin is where orders are looked into, so seconds count."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "j M Y, H:i:s"
