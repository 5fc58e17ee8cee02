using System.Buffers;
using System.Text;

namespace Stoker.Replica.Simulated;

/// <summary>
/// The simulated engine's vocabulary: a token for each byte, one for each of some words, and an end token.
/// </summary>
public static class SimulatedText
{
    private const int FirstWord = 256;

    private static readonly byte[][] Words = [.. (
        " the a one little old red big cat dog fish bird girl boy ran sat saw went had was and then to in on with her his ball tree house sun day"
        + " happy soup boat").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => Encoding.UTF8.GetBytes(" " + word))];

    private static readonly byte[] End = "<|end|>"u8.ToArray();

    private static readonly byte[][] Bytes = [.. Enumerable.Range(0, 256).Select(value => new[] { (byte)value })];

    public static int EndToken => FirstWord + Words.Length;

    public static int VocabularySize => EndToken + 1;

    public static int[] Encode(string text) => [.. Encoding.UTF8.GetBytes(text).Select(value => (int)value)];

    /// <summary>As an answer has it: words where they stand, bytes elsewhere.</summary>
    public static int[] EncodeAnswer(string text)
    {
        var ids = new List<int>();
        for (ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text); rest.Length > 0;)
        {
            var (id, length) = ((int)rest[0], 1);
            for (var word = 0; word < Words.Length && rest[0] == ' '; word++)
            {
                if (Words[word].Length > length && rest.StartsWith(Words[word])) (id, length) = (FirstWord + word, Words[word].Length);
            }

            ids.Add(id);
            rest = rest[length..];
        }

        return [.. ids];
    }

    public static string Decode(ReadOnlySpan<int> tokens)
    {
        var bytes = new ArrayBufferWriter<byte>(tokens.Length + 1);
        foreach (var id in tokens) bytes.Write(BytesOf(id).Span);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    public static ReadOnlyMemory<byte> BytesOf(int id) =>
        id < FirstWord ? Bytes[id] : id < EndToken ? Words[id - FirstWord] : End;

    /// <summary>The word at a position of an answer; the same arguments always give the same one.</summary>
    public static int WordAt(ulong seed, int choice, int position) =>
        FirstWord + (int)(Mix(seed ^ Mix(((ulong)(uint)choice << 32) | (uint)position)) % (ulong)Words.Length);

    /// <summary>The position's next best token, for log-probabilities.</summary>
    public static int Other(int word, int rank) => FirstWord + (word - FirstWord + rank) % Words.Length;

    /// <summary>Spreads every bit of the input over all of the output (the finisher of splitmix64).</summary>
    public static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
