using System.Text;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Splitting;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Decoding;

/// <summary>Replaces every match of a pattern in a token.</summary>
internal sealed record ReplaceEdit(PatternMatcher Pattern, string Content) : TokenEdit
{
    public override string Apply(string token, bool first)
    {
        var text = new Utf8Buffer();
        text.Append(token.AsSpan());
        var scratch = new MatchScratch();
        scratch.AllowToken(text.Length);
        var result = new StringBuilder();
        var segments = new Segments(text.Text, Pattern, scratch);
        while (segments.MoveNext())
        {
            result.Append(segments.IsMatch ? Content : Encoding.UTF8.GetString(text.Text[segments.Current]));
        }
        return result.ToString();
    }
}

/// <summary>The usual replacement, of a fixed text.</summary>
internal sealed record LiteralEdit(string Literal, string Content) : TokenEdit
{
    public override string Apply(string token, bool first) => token.Replace(Literal, Content, StringComparison.Ordinal);
}
