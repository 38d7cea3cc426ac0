"""`python -m bootstrap`, and the console script."""

from bootstrap.cli.main import main

if __name__ == "__main__":
    main()
