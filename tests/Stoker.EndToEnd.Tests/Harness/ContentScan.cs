using System.Text;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>
/// Looks for a text in files and output, in every form in which a program could have written it by itself.
/// </summary>
internal static class ContentScan
{
    private const int ShownBytes = 60;

    /// <summary>Where the text was found, each with what stands around it; empty when nowhere.</summary>
    public static IReadOnlyList<string> Find(string text, IEnumerable<(string Path, byte[] Content)> places)
    {
        var forms = Forms(text).ToList();
        return [.. places.SelectMany(place => forms.Select(form => (form.Name, At: place.Content.AsSpan().IndexOf(form.Bytes)))
            .Where(hit => hit.At >= 0)
            .Select(hit => $"{place.Path} at {hit.At} as {hit.Name}: {Around(place.Content, hit.At)}"))];
    }

    /// <summary>
    /// UTF-8, UTF-16 in both orders, hexadecimal, and base64 as it looks at each of the three places where the text may
    /// begin.
    /// </summary>
    public static IEnumerable<(string Name, byte[] Bytes)> Forms(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        yield return ("UTF-8", utf8);
        yield return ("UTF-16", Encoding.Unicode.GetBytes(text));
        yield return ("UTF-16 big-endian", Encoding.BigEndianUnicode.GetBytes(text));
        yield return ("hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexString(utf8)));
        yield return ("hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexStringLower(utf8)));
        for (var offset = 0; offset < 3; offset++)
        {
            var whole = Convert.ToBase64String([.. new byte[offset], .. utf8]);
            // Only the characters that hold bits of the text alone.
            var (first, end) = (((offset * 8) + 5) / 6, (offset + utf8.Length) * 8 / 6);
            var (plain, url) = (whole[first..end], whole[first..end].Replace('+', '-').Replace('/', '_'));
            yield return ($"base64 at {offset}", Encoding.ASCII.GetBytes(plain));
            if (url != plain) yield return ($"base64url at {offset}", Encoding.ASCII.GetBytes(url));
        }
    }

    private static string Around(byte[] content, int at)
    {
        var start = Math.Max(0, at - ShownBytes);
        var shown = content.AsSpan(start, Math.Min(content.Length - start, 3 * ShownBytes));
        return string.Concat(Encoding.Latin1.GetString(shown).Select(letter => char.IsControl(letter) ? '.' : letter));
    }
}
