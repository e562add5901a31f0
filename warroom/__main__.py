"""``python -m warroom``: the program without its installed script. Nothing else lives here."""

from warroom.cli.main import main

if __name__ == "__main__":
    main()
