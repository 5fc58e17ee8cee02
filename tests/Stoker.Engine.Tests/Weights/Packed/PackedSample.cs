using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Weights.Packed;

/// <summary>A small model folder of its own with a packed file in it.</summary>
internal sealed class PackedSample : IDisposable
{
    private readonly TemporaryFolder _folder;

    private PackedSample(TemporaryFolder folder, PackReport report) => (_folder, Report) = (folder, report);

    public string Folder => _folder.Path;

    public TemporaryFolder Files => _folder;

    public PackReport Report { get; }

    public string File => Report.File;

    public static PackedSample Of(string architecture, Precision precision = Precision.Auto)
    {
        var folder = TemporaryFolder.CopyOf(TestData.Architecture(architecture));
        return new(folder, ModelPacker.Pack(folder.Path, new() { Precision = precision, Threads = 1 }));
    }

    /// <summary>Names of what is in the folder and was not part of the model.</summary>
    public IEnumerable<string> Added() => Directory.EnumerateFiles(Folder).Select(file => Path.GetFileName(file))
        .Where(name => name.Contains(".packed", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    public void Dispose() => _folder.Dispose();
}
