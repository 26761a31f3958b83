"""llama.cpp's own HTTP server in a process of its own, from the same package as the backend `llama_cpp`.

For rehearsing the backend `openai` without a server at hand, for its tests and for its benchmark:

    python -m nightshift.models.llm.llama_server smollm2-135m-instruct --slots 8 --context 2048

prints the address for `llm.server.base_url`, listens on 127.0.0.1 only, asks for no key, and ends when its
standard input does.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nightshift.errors import ModelUnavailable
from nightshift.streams import forgive

SILENT = {"OMP_NUM_THREADS": "1"}
"""The process computes in llama.cpp's threads only."""


@contextmanager
def llama_server(
    model: str = "smollm2-135m-instruct",
    slots: int = 8,
    context_tokens: int = 2048,
    threads: int | None = None,
    cache: Path | None = None,
) -> Iterator[str]:
    """A server for the block, as the `base_url` to ask. Raises ModelUnavailable when it does not come up."""
    command = [sys.executable, "-m", __name__, model, "--slots", str(slots), "--context", str(context_tokens)]
    command += ["--threads", str(threads)] if threads else []
    command += ["--cache", str(cache)] if cache else []
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | SILENT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise ModelUnavailable(f"no llama.cpp server: {process.stderr.read().strip().splitlines()[-1:]}")
        yield url
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
        process.stderr.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends."""
    from nightshift.models.llm.llama_cpp import start
    from nightshift.models.weights.gguf import prepare_gguf
    from nightshift.models.weights.weights import DEFAULT_CACHE

    forgive()
    parser = argparse.ArgumentParser(
        prog=f"python -m {__spec__.name if __spec__ else __name__}", description="llama.cpp's server"
    )
    parser.add_argument("model", help="a preset's name or a .gguf file")
    parser.add_argument("--slots", type=int, default=8, help="requests answered together")
    parser.add_argument("--context", type=int, default=2048, help="tokens of a slot")
    parser.add_argument("--threads", type=int, default=None, help="processor threads; all cores if left out")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where weights are kept")
    given = parser.parse_args(arguments)
    server = start(
        prepare_gguf(given.model, given.cache).weights,
        given.slots,
        given.context,
        given.threads,
        is_open=True,
    )
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()
    os._exit(0)  # connections kept open would hold the server's own end back


if __name__ == "__main__":
    main()
