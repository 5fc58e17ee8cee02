using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Regex;

/// <summary>A set of characters: classes, ranges and scripts, perhaps the other way round.</summary>
internal sealed class CodePointSet
{
    private readonly uint _mask;
    private readonly (int First, int Last)[] _ranges;
    private readonly (byte Script, bool Negated)[] _scripts;
    private readonly bool _negated;
    private readonly bool _ignoreCase;
    private readonly UInt128 _ascii;

    private CodePointSet(Builder builder)
    {
        (_mask, _negated, _ignoreCase) = (builder.Mask, builder.Negated, builder.IgnoreCase);
        (_ranges, _scripts) = ([.. builder.Ranges], [.. builder.Scripts]);
        for (var code = 0; code < 128; code++)
        {
            if (Compute(code)) _ascii |= UInt128.One << code;
        }
    }

    public bool Contains(int code) => code < 128 ? ((_ascii >> code) & UInt128.One) != UInt128.Zero : Compute(code);

    private bool Compute(int code)
    {
        if (!_ignoreCase) return Lists(code) != _negated;
        var group = CaseMapping.EqualWithoutCase(code);
        var found = Lists(code);
        for (var i = 0; i < group.Length && !found; i++) found = Lists(group[i]);
        return found != _negated;
    }

    private bool Lists(int code)
    {
        if (CharacterClass.IsIn(code, _mask)) return true;
        foreach (var (first, last) in _ranges)
        {
            if (code >= first && code <= last) return true;
        }

        foreach (var (script, negated) in _scripts)
        {
            if (Scripts.Of(code) == script != negated) return true;
        }

        return false;
    }

    internal sealed class Builder
    {
        public uint Mask { get; set; }

        public bool Negated { get; set; }

        public bool IgnoreCase { get; init; }

        public List<(int First, int Last)> Ranges { get; } = [];

        public List<(byte Script, bool Negated)> Scripts { get; } = [];

        public Builder With(int code)
        {
            Ranges.Add((code, code));
            return this;
        }

        public CodePointSet Build() => new(this);
    }
}
