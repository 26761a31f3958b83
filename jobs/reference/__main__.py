"""`python -m jobs.reference`: write docs/reference."""

from jobs.reference.pages import FOLDER, write

for path in write(FOLDER):
    print(path)
