"""`python -m jobs.reference`: write docs/reference."""

from jobs.reference.pages import FOLDER, write
from nightshift.streams import forgive

forgive()

for path in write(FOLDER):
    print(path)
