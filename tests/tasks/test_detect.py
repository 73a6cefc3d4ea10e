"""What is said of a task and of a base is read by reports, which do not load torch."""

import subprocess
import sys


def test_names_of_tasks_and_bases_are_read_without_torch() -> None:
    code = "import sys, yolograft.tasks.detect, yolograft.model.bases; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
