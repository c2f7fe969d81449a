"""The portal on the listening socket that the supervisor opened: `python -m portal.embedded.web --fd N`."""

import argparse
import socket

import uvicorn

GRACE_SECONDS = 3  # open streams never end by themselves


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    listener = socket.socket(fileno=parser.parse_args().fd)
    config = uvicorn.Config(
        "portal.asgi:application",
        log_config=None,  # portal.logs has set up logging
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
