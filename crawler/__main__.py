"""`python -m crawler KEY…`: see `crawler.run`.

Parser processes import the main module of the process that spawns them; this one costs them nothing.
"""

if __name__ == "__main__":
    import sys

    from crawler.run import main

    sys.exit(main())
