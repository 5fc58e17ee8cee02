using System.Text;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Regex;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads a <c>pattern</c>, <c>{"String": ..}</c> or <c>{"Regex": ..}</c>.</summary>
internal static class PatternReader
{
    public static PatternMatcher Read(ComponentJson pattern)
    {
        if (pattern.Member("String") is { IsNull: false } literal)
        {
            return new LiteralMatcher(Encoding.UTF8.GetBytes(literal.AsText()));
        }
        var regex = pattern.Member("Regex");
        if (regex.IsNull) throw pattern.Error("a member String or Regex was expected");
        try
        {
            return KnownPatterns.Find(regex.AsText()) ?? PatternEngine.Compile(regex.AsText());
        }
        catch (PatternSyntaxException error)
        {
            throw regex.Error(error.Message);
        }
    }
}
