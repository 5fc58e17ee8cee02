using System.Text.Json;
using Stoker.Engine;
using Stoker.Engine.Models.Preparing;

namespace Stoker.Server.Packing;

/// <summary>
/// <c>stoker prepare</c>: a model's artefacts for another precision than its own. One line for each, one for an error; with
/// JSON lines, progress too, for a program that watches.
/// </summary>
/// <param name="progress">Where the share done is shown to a person; null where nobody watches.</param>
internal sealed class PrepareCommand(TextWriter output, TextWriter errors, TextWriter? progress)
{
    private const int Failed = 1;
    private bool _shown;

    /// <param name="json">Lines of JSON instead of text: <c>{"percent": 37}</c>, and at the end the files.</param>
    /// <returns>The exit status: 0 all that was asked for is there, 1 it is not.</returns>
    public int Run(PreparationRequest request, bool json, CancellationToken cancellation)
    {
        try
        {
            var told = json ? new Listener(WriteJson) : progress is null ? null : new Listener(Show);
            var report = ModelPreparation.Run(request with { Waiting = () => errors.WriteLine("Another process writes there; waiting for it") }, told, cancellation);
            EndProgress();
            if (json) WriteJson(report);
            else WriteText(report);
            return 0;
        }
        catch (Exception error) when (error is ModelLoadException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            EndProgress();
            errors.WriteLine($"stoker: {(error is OperationCanceledException ? "preparing was stopped; of what was being written nothing is left" : error.Message)}");
            return Failed;
        }
    }

    private void WriteText(PreparationReport report)
    {
        output.WriteLine($"{(report.Packed.WasThere ? "Already packed:" : "Packed")} {report.Packed.File} ({report.Packed.Precision}, {PackCommand.Size(report.Packed.SizeBytes)})");
        if (report.Safetensors is { } variant)
        {
            output.WriteLine($"{(variant.WasThere ? "Already written:" : "Wrote")} {variant.Folder} ({variant.Precision}, {PackCommand.Size(variant.SizeBytes)})");
        }
    }

    private void WriteJson(PreparationReport report) => WriteLine(json =>
    {
        json.WriteString("packed", report.Packed.File);
        json.WriteNumber("packedBytes", report.Packed.SizeBytes);
        if (report.Safetensors is not { } variant) return;
        json.WriteString("safetensors", variant.Folder);
        json.WriteNumber("safetensorsBytes", variant.SizeBytes);
    });

    private void WriteJson(PreparationProgress now) => WriteLine(json =>
    {
        json.WriteString("stage", now.Stage == PreparationStage.Packed ? "packed" : "safetensors");
        json.WriteNumber("percent", now.Percent);
    });

    private void WriteLine(Action<Utf8JsonWriter> members)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        output.WriteLine(System.Text.Encoding.UTF8.GetString(line.ToArray()));
        output.Flush(); // a pipe is read while we go on
    }

    private void Show(PreparationProgress now)
    {
        progress!.Write($"\rPreparing {now.Percent,3} %");
        _shown = true;
    }

    private void EndProgress()
    {
        if (_shown) progress!.WriteLine();
        _shown = false;
    }

    /// <summary>Told on the worker's own thread, one at a time: the framework's own would come late and out of order.</summary>
    private sealed class Listener(Action<PreparationProgress> report) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) => report(value);
    }
}
