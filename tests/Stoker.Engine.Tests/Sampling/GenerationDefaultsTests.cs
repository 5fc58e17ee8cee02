using Stoker.Engine.Sampling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Sampling;

public sealed class GenerationDefaultsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stoker-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void The_story_model_says_how_it_wants_to_be_sampled()
    {
        var defaults = GenerationDefaults.Load(TestData.Model("story-3m"));
        defaults.Sampling.ShouldBe(new() { Temperature = 0.7, TopK = 40, TopP = 0.95 });
        defaults.EndTokens.ShouldBe([2041, 2043]);
    }

    [Fact]
    public void One_end_token_may_stand_alone()
    {
        Write("generation_config.json", """{"eos_token_id": 7, "temperature": null}""");
        var defaults = Load();
        defaults.EndTokens.ShouldBe([7]);
        defaults.Sampling.ShouldBe(SamplingOptions.Unset);
    }

    [Fact]
    public void Without_end_tokens_those_of_the_config_count()
    {
        Write("config.json", """{"eos_token_id": [3, 4]}""");
        Load().EndTokens.ShouldBe([3, 4]);
        Write("generation_config.json", """{"top_k": 5}""");
        Load().EndTokens.ShouldBe([3, 4]);
        Write("generation_config.json", """{"eos_token_id": 9}""");
        Load().EndTokens.ShouldBe([9]);
    }

    [Theory]
    [InlineData("""{"eos_token_id": "two"}""", "eos_token_id")]
    [InlineData("""{"eos_token_id": [1, -2]}""", "eos_token_id")]
    [InlineData("""{"eos_token_id": 1.5}""", "eos_token_id")]
    [InlineData("""{"temperature": "hot"}""", "temperature")]
    [InlineData("""{"temperature": -1}""", "temperature")]
    [InlineData("""{"top_p": 1.5}""", "top_p")]
    [InlineData("""{"top_p": 0}""", "top_p: must be a number above 0")]
    [InlineData("""{"repetition_penalty": 0}""", "repetition_penalty: must be a number above 0")]
    [InlineData("""{"top_k": 2.5}""", "top_k: must be an integer")]
    [InlineData("""{"temperature": 1, "temperature": 0}""", "JSON")]
    [InlineData("[]", "object")]
    [InlineData("{", "JSON")]
    public void What_is_wrong_in_it_is_named(string json, string expected)
    {
        Write("generation_config.json", json);
        var error = Should.Throw<ModelLoadException>(() => Load());
        error.File.ShouldBe("generation_config.json");
        error.Message.ShouldContain(expected);
    }

    private GenerationDefaults Load() => GenerationDefaults.Load(_folder.FullName);

    private void Write(string file, string json) => File.WriteAllText(Path.Combine(_folder.FullName, file), json);
}
