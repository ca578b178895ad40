"""``python -m smartms_img``: the command line."""

from smartms_img.cli.main import main

if __name__ == "__main__":
    main()
