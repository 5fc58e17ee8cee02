using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Normalizers;

/// <summary>Changes a text before it is split. Immutable.</summary>
internal abstract class Normalizer
{
    /// <summary>Whether the text may change; the answer spares the copy of most texts.</summary>
    public virtual bool MayChange(ReadOnlySpan<byte> text) => true;

    /// <summary>Appends the changed text to the target, which is empty.</summary>
    public abstract void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch);
}
