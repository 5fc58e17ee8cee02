using System.Collections;
using System.Runtime.CompilerServices;

namespace Stoker.Engine;

/// <summary>The tokens of one event: mostly a single one, which then lies in the event itself.</summary>
[CollectionBuilder(typeof(GeneratedTokens), nameof(Create))]
public readonly struct GeneratedTokens : IReadOnlyList<GeneratedToken>, IEquatable<GeneratedTokens>
{
    private readonly GeneratedToken _one;

    private GeneratedTokens(GeneratedToken one) => (_one, Count) = (one, 1);

    internal GeneratedTokens(GeneratedToken[] tokens) => (Shared, Count) = (tokens, tokens.Length);

    public int Count { get; }

    /// <summary>Several tokens; events of sibling choices share those of an echo.</summary>
    internal GeneratedToken[]? Shared { get; }

    public GeneratedToken this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return Shared is null ? _one : Shared[index];
        }
    }

    /// <summary>A copy of these.</summary>
    public static GeneratedTokens Create(ReadOnlySpan<GeneratedToken> tokens) => tokens.Length switch
    {
        0 => default,
        1 => new(tokens[0]),
        _ => new(tokens.ToArray()),
    };

    public Enumerator GetEnumerator() => new(this);

    IEnumerator<GeneratedToken> IEnumerable<GeneratedToken>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The same tokens in the same order.</summary>
    public bool Equals(GeneratedTokens other)
    {
        if (Count != other.Count) return false;
        for (var index = 0; index < Count; index++)
        {
            if (this[index] != other[index]) return false;
        }
        return true;
    }

    public override bool Equals(object? obj) => obj is GeneratedTokens other && Equals(other);

    public override int GetHashCode() => Count == 0 ? 0 : HashCode.Combine(Count, this[0]);

    public static bool operator ==(GeneratedTokens left, GeneratedTokens right) => left.Equals(right);

    public static bool operator !=(GeneratedTokens left, GeneratedTokens right) => !left.Equals(right);

    public struct Enumerator(GeneratedTokens tokens) : IEnumerator<GeneratedToken>
    {
        private int _index = -1;

        public readonly GeneratedToken Current => tokens[_index];

        readonly object IEnumerator.Current => Current;

        public bool MoveNext() => ++_index < tokens.Count;

        public void Reset() => _index = -1;

        public readonly void Dispose()
        {
        }
    }
}
