using Stoker.Benchmarks.Gguf;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Comparing;

/// <summary>The weights of a comparison: each shape once as a model folder, and as GGUF files of the same numbers.</summary>
/// <param name="root">Kept from run to run; a file under its name is whole.</param>
internal sealed class ComparedModels(string root)
{
    public string Folder(RandomShape shape)
    {
        var folder = Path.Combine(root, shape.Name);
        if (!RandomModel.IsWhole(folder))
        {
            Console.WriteLine($"writing {shape.Name} (random weights) to {folder}");
            RandomModel.Write(shape, folder);
        }
        return folder;
    }

    public string Gguf(string name, string folder, string type)
    {
        var file = Path.Combine(root, $"{name}-{type}.gguf");
        if (!File.Exists(file))
        {
            Console.WriteLine($"writing {file}");
            Directory.CreateDirectory(root);
            GgufConverter.Convert(folder, GgufTypes.Parse(type), file);
        }
        return file;
    }
}
