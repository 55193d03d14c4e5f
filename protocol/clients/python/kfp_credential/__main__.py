"""``python -m kfp_credential ARGS`` is ``kfp-credential ARGS``."""

import os
import subprocess
import sys

from . import ExecConfig, HelperError


def main() -> int:
    try:
        program = ExecConfig().program()
    except HelperError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    arguments = [program, *sys.argv[1:]]
    if os.name == "posix":
        os.execv(program, arguments)
    return subprocess.call(arguments)


sys.exit(main())
