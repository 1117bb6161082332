"""`check_cluster_demo.py OUT ERR`: what `demo --cluster` wrote has every scene, and a table that misses nothing."""

import re
import sys
from pathlib import Path

out, errors = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
told = [" was killed; ", " stands still", "the others took over", "it has all", "Every record arrived"]
sums = re.findall(r"^all +([\d,]+) +([\d,]+) +0 +0 +0  ok$", out, re.MULTILINE)
uncovered = re.search(r"killed; ([\d,]+) artifacts were stored, but not in the checkpoint", out)
problems = [f"it does not say {words!r}" for words in told if words not in out]
if errors:
    problems.append(f"it wrote to standard error: {errors}")
if len(sums) != 1 or sums[0][0] != sums[0][1]:
    problems.append(f"not every record arrived once: {sums}")
if uncovered is None or not int(uncovered[1].replace(",", "")):
    problems.append("no node was killed between storing artifacts and storing their checkpoint")
sys.exit("\n".join(problems) or 0)
