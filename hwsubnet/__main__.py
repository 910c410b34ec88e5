"""``python -m hwsubnet`` is ``hwsubnet``."""

from hwsubnet.cli import main

if __name__ == "__main__":
    main()
