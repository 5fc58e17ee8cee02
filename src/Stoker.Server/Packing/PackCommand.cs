using System.Globalization;
using Stoker.Engine;
using Stoker.Engine.Models;

namespace Stoker.Server.Packing;

/// <summary>What <c>stoker pack</c> was asked for.</summary>
internal sealed record PackRequest(string Model, Precision Precision, string? Output, bool Verify, bool Force, int Threads);

/// <summary><c>stoker pack</c>: writes a model's packed file, or checks it. One line for the result, one for an error.</summary>
/// <param name="progress">Where the share done is shown; null where nobody watches.</param>
internal sealed class PackCommand(TextWriter output, TextWriter errors, TextWriter? progress)
{
    private const int Failed = 1;
    private int _shownPercent = -1;

    /// <returns>The exit status: 0 there is a good packed file, 1 there is none.</returns>
    public int Run(PackRequest request, CancellationToken cancellation)
    {
        try
        {
            var report = request.Verify
                ? ModelPacker.Verify(request.Model, request.Precision, request.Output, request.Threads, cancellation)
                : ModelPacker.Pack(request.Model, Options(request), Show, cancellation);
            EndProgress();
            output.WriteLine($"{Outcome(request, report)} {report.File} ({report.Precision}, {Size(report.SizeBytes)})");
            return 0;
        }
        catch (Exception error) when (error is ModelLoadException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            EndProgress();
            errors.WriteLine($"stoker: {(error is OperationCanceledException ? "packing was stopped; nothing is left of it" : error.Message)}");
            return Failed;
        }
    }

    private PackOptions Options(PackRequest request) => new()
    {
        Precision = request.Precision,
        Output = request.Output,
        Force = request.Force,
        Threads = request.Threads,
        Waiting = () => errors.WriteLine("Another stoker pack writes in this folder; waiting for it"),
    };

    private static string Outcome(PackRequest request, PackReport report) => (request.Verify, report.WasThere) switch
    {
        (true, _) => "Good:",
        (_, true) => "Already packed:",
        _ => "Packed",
    };

    private void Show(PackProgress now)
    {
        if (progress is null || now.TotalBytes == 0) return;
        var percent = (int)(100 * now.DoneBytes / now.TotalBytes);
        lock (progress) // called from the workers
        {
            if (percent <= _shownPercent) return;
            _shownPercent = percent;
            progress.Write($"\rPacking {percent,3} % of {Size(now.TotalBytes)}");
        }
    }

    private void EndProgress()
    {
        if (_shownPercent >= 0) progress!.WriteLine();
        _shownPercent = -1;
    }

    internal static string Size(long bytes) => bytes < 1_000_000_000
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB");
}
