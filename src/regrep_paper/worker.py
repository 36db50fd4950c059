"""``python -m regrep_paper.worker`` runs the commands of a sweep one after another."""

from regrep_paper.cli import main
from regrep_paper.runs.workers import serve

if __name__ == "__main__":
    serve(main)
