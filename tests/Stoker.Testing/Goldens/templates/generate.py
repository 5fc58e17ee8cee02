"""Fills in the expected values of the chat template goldens with Python's jinja2 (Debian: python3-jinja2).

Usage: python3 generate.py    (rewrites expressions.json and families.json in this folder)

A case has a template (text, or the name of a file in families/) and input; this script adds "expected", or "fails": true
when jinja2 refuses the template or the input. The environment is the one that model hubs use for chat templates: immutable
sandbox, trim_blocks, lstrip_blocks, loop controls, a generation tag, tojson without HTML escapes, raise_exception and
strftime_now (here with a fixed clock). The tests only read the result.
"""
import datetime, json, pathlib
from jinja2 import nodes, ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2025, 3, 9, 14, 5, 7)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
HERE = pathlib.Path(__file__).parent


class Generation(ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def refuse(message):
    raise ValueError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])
environment.filters["tojson"] = tojson
environment.filters["from_json"] = json.loads
environment.globals["raise_exception"] = refuse
environment.globals["strftime_now"] = NOW.strftime


def render(source, variables):
    try:
        return {"expected": environment.from_string(source).render(**variables)}
    except Exception:
        return {"fails": True}


def fill(name, source_of, variables_of):
    path = HERE / name
    cases = json.loads(path.read_text())
    for case in cases:
        case.pop("expected", None), case.pop("fails", None)
        case.update(render(source_of(case), variables_of(case)))
    path.write_text("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n")


def chat_variables(case):
    return {**TOKENS, "messages": case["messages"], "tools": case.get("tools"), "documents": None,
            "add_generation_prompt": case.get("add_generation_prompt", False), **case.get("arguments", {})}


if __name__ == "__main__":
    fill("expressions.json", lambda case: case["template"], lambda case: {**TOKENS, **case.get("variables", {})})
    fill("families.json", lambda case: (HERE / "families" / (case["template"] + ".jinja")).read_text(), chat_variables)
