#!/usr/bin/env python3
"""The page's texts are whole, and nothing of others is in the tree.

usage: check_page.py [root]

1. vi.json and en.json have the same keys with the same {parameters}, none of them empty, sorted.
2. Each key that a module names, t("key"), is in them. A key made at run time, t(`nav.${name}`),
   must have at least one that begins so.
3. Each key of theirs is named by a module.
4. Modules, styles and pages name no other host, and api/web has no file that git keeps of others.

Prints one line per problem; exit status 1 if there is any.
"""
import json
import pathlib
import re
import sys

STATIC = re.compile(r"""\bt\(\s*["']([\w.]+)["']""")
DYNAMIC = re.compile(r"\bt\(\s*`([\w.]*)\$\{")
KEYED = re.compile(r"`([\w.]+\.)\$\{[\w.]+\}`")
# A key kept in a table of constants and given to t() later.
NAMED = re.compile(r"""["'](\w+(?:\.\w+)+)["']""")
PARAMETER = re.compile(r"\{(\w+)\}")
HOST = re.compile(r"(?:https?:)?//(?!\s)[\w-]+\.[\w.-]+")


def catalogue(path, problems):
    pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    if keys != sorted(set(keys)):
        problems.append(f"{path.name}: keys must be sorted and each there once")
    problems += [f"{path.name}: {key} is empty" for key, text in pairs if not text.strip()]
    return dict(pairs)


def compare(vi, en, problems):
    problems += [f"en.json lacks {key}" for key in sorted(vi.keys() - en.keys())]
    problems += [f"vi.json lacks {key}" for key in sorted(en.keys() - vi.keys())]
    for key in vi.keys() & en.keys():
        if set(PARAMETER.findall(vi[key])) != set(PARAMETER.findall(en[key])):
            problems.append(f"{key}: other parameters in vi.json than in en.json")


def check_use(modules, keys, problems):
    used, prefixes = set(), set()
    for path, text in modules.items():
        static = set(STATIC.findall(text))
        problems += [f"{path}: {key} is in no catalogue" for key in sorted(static - keys)]
        used |= static | (set(NAMED.findall(text)) & keys)
        for prefix in DYNAMIC.findall(text) + KEYED.findall(text):
            prefixes.add(prefix)
            if not any(key.startswith(prefix) for key in keys):
                problems.append(f"{path}: no key begins with {prefix}")
    for key in sorted(keys - used):
        if not any(prefix and key.startswith(prefix) for prefix in prefixes):
            problems.append(f"{key} is used nowhere")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    web = root / "api" / "web"
    problems = []
    vi = catalogue(web / "i18n" / "vi.json", problems)
    en = catalogue(web / "i18n" / "en.json", problems)
    compare(vi, en, problems)
    files = [path for path in web.rglob("*") if "node_modules" not in path.parts and path.is_file()]
    modules = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
               for path in files if path.suffix == ".js"}
    check_use(modules, set(vi), problems)
    for path in files:
        if path.suffix in (".js", ".css", ".html"):
            for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if HOST.search(text):
                    problems.append(f"{path.relative_to(root)}:{number}: names another host")
        if "vendor" in path.parts:
            problems.append(f"{path.relative_to(root)}: files of others are fetched, not kept")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
