"""`manage.py sandbox`: the provider of our own, as a process that runs until it is told to stop."""

import asyncio
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from providers.sandbox.books import Settings
from providers.sandbox.server import Sandbox


class Command(BaseCommand):
    server = Sandbox
    help = (
        "Run the sandbox provider. An API key is any text that begins with sandbox_ (16 characters or more)."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=0, help="0: a free one, which is printed.")
        parser.add_argument("--delay-ms", type=float, default=0, help="Added to every answer.")
        parser.add_argument("--journal", type=Path, help="Keeps the books over restarts.")
        parser.add_argument("--cancel-lock-seconds", type=float, default=10)
        parser.add_argument("--life-seconds", type=float, default=1_200)

    def handle(self, **options: Any) -> None:
        settings = Settings(
            delay_seconds=options["delay_ms"] / 1_000,
            cancel_lock_seconds=options["cancel_lock_seconds"],
            life_seconds=options["life_seconds"],
        )
        sandbox = self.server(journal=options["journal"], defaults=settings)
        asyncio.run(self.serve(sandbox, options["host"], options["port"]))

    async def serve(self, sandbox: Sandbox, host: str, port: int) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        address = await sandbox.start(host=host, port=port)
        self.stdout.write(f"sandbox provider listens on {address}")
        self.stdout.flush()
        await stopped.wait()
        await sandbox.stop()
