"""Runs `vllm bench serve` as it is in the wheel, without the gigabytes of torch: the client computes nothing with it."""

import importlib.abc
import importlib.machinery
import sys
import types


class Anything(types.ModuleType):
    """A module, class or value of a package that is not there."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *a, **k: None})


class Stand(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    roots = ("torch", "torchaudio", "triton", "torchvision")

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.roots:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = Anything(spec.name)
        module.__version__ = "2.9.0"
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Stand())

from vllm.benchmarks.serve import add_cli_args, main  # noqa: E402
from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: E402

parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
