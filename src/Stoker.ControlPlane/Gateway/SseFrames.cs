using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Where server-sent events end, and what the few that matter here are.</summary>
internal static class SseFrames
{
    /// <summary>The byte after the blank line that ends the first event, or -1 when it has not arrived yet.</summary>
    /// <param name="from">What an earlier look has covered.</param>
    public static int FindEnd(ReadOnlySpan<byte> bytes, int from)
    {
        // The blank line may have begun before what is new: step back over "\n\r".
        for (var at = Math.Max(0, from - 2); at < bytes.Length;)
        {
            var found = bytes[at..].IndexOf((byte)'\n');
            if (found < 0) return -1;
            at += found + 1;
            if (bytes[at..].StartsWith("\n"u8)) return at + 1;
            if (bytes[at..].StartsWith("\r\n"u8)) return at + 2;
        }

        return -1;
    }

    /// <summary>The first line, its end included, where it tells the gateway an event's tokens; else empty.</summary>
    public static ReadOnlySpan<byte> Mark(ReadOnlySpan<byte> frame) =>
        frame.StartsWith(ReplicaProtocol.TokensMark) ? frame[..(frame.IndexOf((byte)'\n') + 1)] : [];

    /// <summary>What stands in the line of drafts, which comes after the mark of tokens; empty where there is none.</summary>
    public static ReadOnlySpan<byte> Drafts(ReadOnlySpan<byte> frame) =>
        frame.StartsWith(ReplicaProtocol.DraftsMark) ? frame[ReplicaProtocol.DraftsMark.Length..(frame.IndexOf((byte)'\n') + 1)] : [];

    /// <summary>Whether an error of the replica says that its engine failed or goes down, which is not the request's doing.</summary>
    public static bool IsEngineFailure(ReadOnlySpan<byte> error) =>
        error.IndexOf("\"type\":\"server_error\""u8) >= 0 || error.IndexOf("\"code\":\"closing\""u8) >= 0; // no text has bare quotes

    public static bool IsDone(ReadOnlySpan<byte> frame) => Data(frame).StartsWith("[DONE]"u8);

    /// <summary>Whether the replica itself reports a failure; it is the last event then.</summary>
    public static bool IsError(ReadOnlySpan<byte> frame) => Data(frame).StartsWith("{\"error\""u8);

    /// <summary>What an event of one line carries, the line's end included.</summary>
    public static ReadOnlySpan<byte> Data(ReadOnlySpan<byte> frame)
    {
        if (!frame.StartsWith("data:"u8)) return [];
        var data = frame["data:"u8.Length..];
        return data.StartsWith(" "u8) ? data[1..] : data;
    }
}
