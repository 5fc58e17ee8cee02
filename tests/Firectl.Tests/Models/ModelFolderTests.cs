using Firectl.Models;

namespace Firectl.Tests.Models;

public sealed class ModelFolderTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("folder");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Links_are_uploaded_under_their_own_names_with_the_bytes_they_lead_to()
    {
        File.WriteAllText(In("blob1"), "{\"model_type\":\"llama\"}");
        File.WriteAllText(In("blob2"), new string('w', 5000));
        var snapshot = _root.CreateSubdirectory("snapshot").FullName;
        File.CreateSymbolicLink(Path.Combine(snapshot, "config.json"), In("blob1"));
        File.CreateSymbolicLink(Path.Combine(snapshot, "model.safetensors"), "../blob2");

        var files = ModelFolder.Open(snapshot).Files;

        files.Select(file => file.Name).ShouldBe(["config.json", "model.safetensors"]);
        files.Select(file => file.Length).ShouldBe([22, 5000]);
        using var stream = files[1].Content.OpenRead();
        stream.Length.ShouldBe(5000);
    }

    [Fact]
    public void A_link_to_nothing_is_named()
    {
        File.WriteAllText(In("config.json"), "{}");
        File.CreateSymbolicLink(In("model.safetensors"), In("gone"));
        Should.Throw<ProblemException>(() => ModelFolder.Open(_root.FullName)).Message.ShouldContain("model.safetensors is a link to");
    }

    private string In(string name) => Path.Combine(_root.FullName, name);
}
