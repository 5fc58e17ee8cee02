using System.Globalization;

namespace Firectl.Models;

/// <summary>
/// One line that shows how far an upload is: a bar on a terminal, else one line at the beginning and one at the end.
/// </summary>
internal sealed class ProgressBar(FirectlContext context, string title, long totalBytes, bool quiet)
{
    private const int Width = 30;

    // Ten redraws a second are smooth enough, and do not slow a fast disk.
    private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(100);

    private readonly long _started = context.Time.GetTimestamp();
    private long _done;
    private long _drawn;

    public void Add(int bytes)
    {
        _done += bytes;
        if (quiet || !context.IsTerminal || context.Time.GetElapsedTime(_drawn) < RedrawInterval) return;
        _drawn = context.Time.GetTimestamp();
        context.Errors.Write(Line());
    }

    public Task NoteAsync(string text) => quiet ? Task.CompletedTask : context.Errors.WriteLineAsync(text);

    public Task EndAsync() =>
        quiet ? Task.CompletedTask : context.Errors.WriteLineAsync(context.IsTerminal ? Line() : Summary());

    private string Line()
    {
        var filled = totalBytes == 0 ? Width : (int)(_done * Width / totalBytes);
        return $"\r\u001b[K{title} [{new string('=', filled)}{new string(' ', Width - filled)}] {Summary()}";
    }

    private string Summary()
    {
        var seconds = Math.Max(0.001, context.Time.GetElapsedTime(_started).TotalSeconds);
        return string.Create(CultureInfo.InvariantCulture, $"{_done / 1e6:0.0} of {totalBytes / 1e6:0.0} MB, {_done / 1e6 / seconds:0.0} MB/s");
    }
}
