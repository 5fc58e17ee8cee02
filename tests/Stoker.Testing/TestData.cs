namespace Stoker.Testing;

/// <summary>
/// Paths of the data that tests read. Everything is copied beside the test program, so that no test depends on where it
/// runs.
/// </summary>
public static class TestData
{
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "TestData");

    /// <summary>A model folder of the built-in library, such as <c>story-3m</c>.</summary>
    public static string Model(string name) => Existing(Path.Combine(Root, "models", name));

    /// <summary>
    /// A random-weight checkpoint of one architecture, such as <c>qwen2</c>; its <c>golden.json</c> lies in it.
    /// </summary>
    public static string Architecture(string name) => Existing(Path.Combine(Root, "Fixtures", "arch", name));

    /// <summary>The reference outputs of a model of the built-in library.</summary>
    public static string Golden(string model, string file = "golden.json") =>
        Existing(Path.Combine(Root, "Goldens", model, file));

    /// <summary>Another file or folder of the fixtures, such as <c>unicode/NormalizationTest.sample.txt</c>.</summary>
    public static string Fixture(string path) => Existing(Path.Combine(Root, "Fixtures", path));

    private static string Existing(string path) =>
        Path.Exists(path) ? path : throw new FileNotFoundException($"No test data at {path}", path);
}
