using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Models;

public class UploadFileTests
{
    private static readonly ModelOptions Options = new() { MaxModelBytes = 1000, MaxFiles = 3 };

    [Theory]
    [InlineData("config.json")]
    [InlineData("model.safetensors")]
    [InlineData("model-00001-of-00002.safetensors")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("tokenizer.model")]
    [InlineData("chat_template.jinja")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("README.md")]
    public void Files_of_models_are_taken(string name) => UploadFile.Fault(name).ShouldBeNull();

    [Theory]
    [InlineData("", "1 to 128")]
    [InlineData("..", "not starting with '.'")]
    [InlineData(".env.json", "not starting with '.'")]
    [InlineData("../config.json", "without folders")]
    [InlineData("/etc/passwd", "without folders")]
    [InlineData("a/b.safetensors", "without folders")]
    [InlineData("a\\b.safetensors", "without folders")]
    [InlineData("con fig.json", "letters, digits")]
    [InlineData("config.json\0", "letters, digits")]
    [InlineData("cönfig.json", "letters, digits")]
    [InlineData("pytorch_model.bin", "pickle")]
    [InlineData("model.pt", "pickle")]
    [InlineData("model.pth", "pickle")]
    [InlineData("model.ckpt", "pickle")]
    [InlineData("x.pkl", "pickle")]
    [InlineData("modeling_x.py", "never run")]
    [InlineData("model.gguf", "GGUF")]
    [InlineData("fireworks.json", "not read in this version")]
    [InlineData("model.safetensors.exe", "none of the files")]
    [InlineData("vocab", "none of the files")]
    public void Everything_else_is_refused_with_the_reason(string name, string reason) =>
        UploadFile.Fault(name)!.ShouldContain(reason);

    [Fact]
    public void An_overlong_name_is_refused() =>
        UploadFile.Fault(new string('a', 200) + ".json")!.ShouldContain("1 to 128");

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData(" 1")]
    [InlineData("")]
    [InlineData("99999999999999999999")]
    public void A_size_is_a_whole_number(string size) =>
        UploadFile.Manifest(new Dictionary<string, string> { ["config.json"] = size }, Options).Problem!.Message.ShouldContain("whole number of bytes");

    [Fact]
    public void All_files_together_have_a_limit()
    {
        var files = new Dictionary<string, string> { ["a.safetensors"] = "600", ["b.safetensors"] = "401" };

        UploadFile.Manifest(files, Options).Problem!.Message.ShouldContain("1001 bytes in all, at most 1000");
        files["b.safetensors"] = "400";
        UploadFile.Manifest(files, Options).Value.Values.Sum().ShouldBe(1000);
    }

    [Fact]
    public void Sizes_do_not_overflow()
    {
        var files = new Dictionary<string, string> { ["a.json"] = $"{long.MaxValue}", ["b.json"] = $"{long.MaxValue}", ["c.json"] = "2" };

        UploadFile.Manifest(files, Options).Problem!.Message.ShouldContain("18446744073709551616 bytes in all");
    }

    [Fact]
    public void Too_many_or_no_files_are_refused()
    {
        UploadFile.Manifest(Enumerable.Range(0, 4).ToDictionary(i => $"{i}.json", _ => "1"), Options).Problem!.Message.ShouldContain("at most 3");
        UploadFile.Manifest(new Dictionary<string, string>(), Options).Problem!.Message.ShouldContain("required");
        UploadFile.Manifest(null, Options).Problem!.Message.ShouldContain("required");
    }
}
