namespace Stoker.Engine.Tokenization.Normalizers;

/// <summary>The normalizers of a tokenizer, in order.</summary>
internal sealed class NormalizerChain(IReadOnlyList<Normalizer> normalizers)
{
    /// <summary>
    /// The normalised text; it points into the state or is the text itself, and lives until the next call.
    /// </summary>
    public ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text, EncodeState state)
    {
        var (target, other) = (state.Normalized, state.Spare);
        foreach (var normalizer in normalizers)
        {
            if (text.IsEmpty || !normalizer.MayChange(text)) continue;
            target.Reset();
            normalizer.Apply(text, target, state.Matching);
            text = target.Text;
            (target, other) = (other, target);
        }

        return text;
    }

    /// <summary>The normalised form of an added token's content.</summary>
    public string Apply(string text)
    {
        var state = new EncodeState(0);
        state.Matching.Allow(text.Length);
        state.Raw.Append(text);
        return System.Text.Encoding.UTF8.GetString(Apply(state.Raw.Text, state));
    }
}
