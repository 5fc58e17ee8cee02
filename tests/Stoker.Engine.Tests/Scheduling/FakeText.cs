using System.Text;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>
/// Letters a to z, the four bytes of an emoji as four tokens, two end tokens, and one that breaks detokenisation.
/// </summary>
internal sealed class FakeText : ITextDecoder
{
    public const int Emoji = 26; // 26..29
    public const int End = 30;
    public const int OtherEnd = 31;
    public const int Broken = 32;
    public const int Size = 33;
    private static readonly byte[] EmojiBytes = Encoding.UTF8.GetBytes("😀");
    private static readonly byte[][] Letters = [.. Enumerable.Range('a', 26).Select(letter => new[] { (byte)letter })];
    private static readonly string[] LetterTexts = [.. Letters.Select(Encoding.UTF8.GetString)];

    public int VocabularySize => Size;

    /// <summary>Not even a stream can be had.</summary>
    public bool FailsAtOnce { get; set; }

    /// <summary>Looks at each token that a text takes; may hold its thread.</summary>
    public Action<int>? OnAppend { get; set; }

    public static int[] Ids(string text) => [.. text.Select(letter => letter - 'a')];

    public ReadOnlyMemory<byte> TokenBytes(int id) => id switch
    {
        < Emoji => Letters[id],
        < End => EmojiBytes.AsMemory(id - Emoji, 1),
        _ => default,
    };

    public ITextStream NewStream(bool skipSpecialTokens) =>
        FailsAtOnce ? throw new FormatException("a detokeniser's bug") : new Stream(this);

    private sealed class Stream(FakeText text) : ITextStream
    {
        private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

        public string Append(int id)
        {
            text.OnAppend?.Invoke(id);
            if (id == Broken) throw new FormatException("a detokeniser's bug");
            return Decode(text.TokenBytes(id).Span, flush: false);
        }

        public string Flush() => Decode([], flush: true);

        private string Decode(ReadOnlySpan<byte> bytes, bool flush)
        {
            Span<char> buffer = stackalloc char[8];
            var text = buffer[.._decoder.GetChars(bytes, buffer, flush)];
            return text is [>= 'a' and <= 'z' and var letter] ? LetterTexts[letter - 'a'] : new(text); // the usual ones cost nothing
        }
    }
}
