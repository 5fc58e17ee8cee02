#!/usr/bin/env python3
"""Writes the Unicode tables of the tokenizer as C#: src/Stoker.Engine/Tokenization/Unicode/*.g.cs, and the sampled conformance file of the tests.

Why own tables: with InvariantGlobalization .NET normalises nothing outside ASCII, and its categories follow the runtime's Unicode version.
Input is Debian's package unicode-data. Run: apt-get install unicode-data && python3 tools/unicode/generate.py [folder, default /usr/share/unicode]
"""
import bz2
import pathlib
import sys

VERSION = "15.0.0"
DATA = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "src/Stoker.Engine/Tokenization/Unicode"
SAMPLE = ROOT / "tests/Stoker.Testing/Fixtures/unicode/NormalizationTest.sample.txt"
LIMIT = 0x110000
BLOCK = 128
NOTICE = "Derived from the Unicode Character Database. Copyright 1991-2022 Unicode, Inc., used under the Unicode license (unicode.org/copyright.html)."

# The order of System.Globalization.UnicodeCategory; two more classes follow it (see CharacterClass).
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn").split()
CONTROL_SPACE, ALPHABETIC_SYMBOL = 30, 31


def lines(name):
    """Fields of each data line, comments cut off."""
    path = DATA / name
    raw = bz2.open(path, "rt", encoding="utf-8") if name.endswith(".bz2") else open(path, encoding="utf-8")
    with raw:
        for line in raw:
            line = line.split("#")[0].strip()
            if line:
                yield [field.strip() for field in line.split(";")]


def span(text):
    first, _, last = text.partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def check_version():
    head = open(DATA / "DerivedNormalizationProps.txt", encoding="utf-8").readline()
    if VERSION not in head:
        sys.exit(f"expected Unicode {VERSION}, found {head.strip()}")


def read_characters():
    category, combining, lower, raw = ["Cn"] * LIMIT, [0] * LIMIT, {}, {}
    first = None
    for f in lines("UnicodeData.txt"):
        code = int(f[0], 16)
        if f[1].endswith("First>"):
            first = code
            continue
        for c in range(first if f[1].endswith("Last>") else code, code + 1):
            category[c], combining[c] = f[2], int(f[3])
        if f[13]:
            lower[code] = int(f[13], 16)
        if f[5]:
            tag, _, rest = f[5].rpartition(">")
            raw[code] = (bool(tag), [int(x, 16) for x in rest.split()])
    return category, combining, lower, raw


def read_property(name, wanted):
    found = set()
    for f in lines(name):
        if f[1] == wanted:
            found.update(span(f[0]))
    return found


def character_classes(category):
    white, alphabetic = read_property("PropList.txt", "White_Space"), read_property("DerivedCoreProperties.txt", "Alphabetic")
    classes = [CATEGORIES.index(c) for c in category]
    for c in white:
        if category[c] == "Cc":
            classes[c] = CONTROL_SPACE
        elif category[c][0] != "Z":
            sys.exit(f"white space outside Z and Cc: {c:04X}")
    for c in alphabetic:
        if category[c] == "So":
            classes[c] = ALPHABETIC_SYMBOL
        elif category[c][0] not in "LM" and category[c] != "Nl":
            sys.exit(f"alphabetic outside L, M, Nl, So: {c:04X}")
    return classes


def expand(code, raw, compatibility):
    entry = raw.get(code)
    if entry is None or (entry[0] and not compatibility):
        return [code]
    return [x for part in entry[1] for x in expand(part, raw, compatibility)]


def decompositions(raw, compatibility):
    """Full decompositions; the compatibility table holds only what differs from the canonical one."""
    table = {}
    for code in sorted(raw):
        full = expand(code, raw, compatibility)
        if full != [code] and (not compatibility or full != expand(code, raw, False)):
            table[code] = full
    return table


def compositions(raw):
    excluded = read_property("DerivedNormalizationProps.txt", "Full_Composition_Exclusion")
    return {tuple(v[1]): c for c, v in raw.items() if not v[0] and len(v[1]) == 2 and c not in excluded}


def quick_checks(combining):
    """Bits 1 NFD, 2 NFKD, 4 NFC, 8 NFKC: the character may change under the form or depends on its neighbours."""
    bits = [0xF if c else 0 for c in combining]
    for f in lines("DerivedNormalizationProps.txt"):
        bit = {"NFD_QC": 1, "NFKD_QC": 2, "NFC_QC": 4, "NFKC_QC": 8}.get(f[1])
        for c in span(f[0]) if bit else ():
            bits[c] |= bit
    return bits


def read_scripts():
    names, table = ["Unknown"], [0] * LIMIT
    for f in lines("Scripts.txt"):
        if f[1] not in names:
            names.append(f[1])
        for c in span(f[0]):
            table[c] = names.index(f[1])
    return names, table


def read_folding():
    return {int(f[0], 16): int(f[2], 16) for f in lines("CaseFolding.txt") if f[1] in "CS"}


def numbers(values):
    rows, per_row = [], 160
    for i in range(0, len(values), per_row):
        rows.append("        " + ", ".join(str(v) for v in values[i:i + per_row]) + ",")
    return "\n".join(rows)


def field(kind, name, values):
    return f"    internal static ReadOnlySpan<{kind}> {name} =>\n    [\n{numbers(values)}\n    ];\n"


def trie(name, table):
    blocks, index = {}, []
    for i in range(0, LIMIT, BLOCK):
        block = tuple(table[i:i + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    kind = "byte" if len(blocks) <= 256 else "ushort"
    flat = [v for block in blocks for v in block]
    return field(kind, name + "Index", index) + "\n" + field("byte", name + "Blocks", flat)


def mapping(name, table):
    return field("int", name + "From", sorted(table)) + "\n" + field("int", name + "To", [table[c] for c in sorted(table)])


def pooled(name, table):
    pool, starts = [], []
    for code in sorted(table):
        starts.append(len(pool))
        pool.extend(table[code])
    starts.append(len(pool))
    return "\n".join([field("int", name + "From", sorted(table)), field("ushort", name + "Start", starts), field("int", name + "Pool", pool)])


def write(name, *bodies):
    text = (f"// <auto-generated>tools/unicode/generate.py, Unicode {VERSION}. {NOTICE}</auto-generated>\n"
            f"namespace Stoker.Engine.Tokenization.Unicode;\n\ninternal static class {name}\n{{\n" + "\n".join(bodies) + "}\n")
    (TARGET / f"{name}.g.cs").write_text(text, encoding="utf-8", newline="\n")


def write_sample():
    """Every 40th case of each part of the conformance file, and all of part 0 (the special cases)."""
    kept, part, count = [], "", 0
    for f in lines("NormalizationTest.txt.bz2"):
        if f[0].startswith("@"):
            part = f[0]
            kept.append(part)
            continue
        count += 1
        if part == "@Part0" or count % 40 == 0:
            kept.append(";".join(f[:5]))
    SAMPLE.parent.mkdir(parents=True, exist_ok=True)
    SAMPLE.write_text(f"# Sampled from NormalizationTest.txt {VERSION}: source;NFC;NFD;NFKC;NFKD\n# {NOTICE}\n" + "\n".join(kept) + "\n", newline="\n")


def main():
    check_version()
    category, combining, lower, raw = read_characters()
    lower.pop(0x130, None)  # its full mapping is two characters; CaseMapping holds it
    names, scripts = read_scripts()
    pairs = compositions(raw)
    ordered = sorted(pairs)
    write("ClassTable", trie("Class", character_classes(category)))
    write("ScriptTable", trie("Script", scripts),
          "    internal static readonly string[] Names =\n    [\n        " + ", ".join(f'"{n}"' for n in names) + ",\n    ];\n")
    write("CombiningTable", trie("Combining", combining), trie("QuickCheck", quick_checks(combining)))
    write("DecompositionTable", pooled("Canonical", decompositions(raw, False)), pooled("Compatibility", decompositions(raw, True)))
    write("CompositionTable", field("long", "Pairs", [(a << 32) | b for a, b in ordered]), field("int", "Composites", [pairs[p] for p in ordered]))
    write("CaseTable", mapping("Lower", lower), mapping("Folding", read_folding()))
    write_sample()


main()
