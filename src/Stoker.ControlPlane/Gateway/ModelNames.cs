using System.Text.Encodings.Web;
using System.Text.Json;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// The model's name in requests and answers: the client's on the outside, the replica's on the inside.
/// </summary>
internal static class ModelNames
{
    /// <summary>A name as a JSON string, quotes included.</summary>
    public static byte[] Quote(string name) =>
        [(byte)'"', .. JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes, (byte)'"'];

    /// <summary>
    /// Where an event or body gives <paramref name="served"/> as its <c>model</c>; a start of -1 when nowhere.
    /// </summary>
    /// <remarks>
    /// The bytes <c>"model":</c> cannot stand inside a JSON string, whose quotes are escaped. They can be a key
    /// elsewhere (a token of that text among log-probabilities, with a number): hence the look at the value.
    /// </remarks>
    /// <param name="served">The replica's name as a JSON string.</param>
    public static (int Start, int End) Find(ReadOnlySpan<byte> json, ReadOnlySpan<byte> served)
    {
        var key = "\"model\":"u8;
        for (var at = 0; at < json.Length;)
        {
            var found = json[at..].IndexOf(key);
            if (found < 0) break;
            at += found + key.Length;
            while (at < json.Length && json[at] == ' ') at++;
            if (json[at..].StartsWith(served)) return (at, at + served.Length);
        }

        return (-1, -1);
    }
}
