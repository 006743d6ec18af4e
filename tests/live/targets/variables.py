"""Make 2,000 variables of kiwisolver 1.5.1, which loses a reference with each, and free half."""

import json
import os
import sys

import kiwisolver

kept = [kiwisolver.Variable(f"variable {number}") for number in range(2000)]
os.write(1, json.dumps(os.getpid()).encode() + b"\n")
while line := sys.stdin.readline():
    del kept[int(line) :]
    os.write(1, json.dumps(len(kept)).encode() + b"\n")
