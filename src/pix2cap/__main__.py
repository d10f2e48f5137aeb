"""`python -m pix2cap` is the same as the `pix2cap` command."""

from pix2cap.cli.main import main

if __name__ == "__main__":
    main()
