"""Where the program starts, installed or as ``python -m warroom``. Nothing else lives here."""

import signal


def main() -> None:
    """Start. Until everything is imported there is nothing to clean up: ^C ends the process at once."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from warroom.cli.main import main as start

    start()


if __name__ == "__main__":
    main()
