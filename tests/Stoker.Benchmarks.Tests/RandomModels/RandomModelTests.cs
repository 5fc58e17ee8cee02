using Stoker.Benchmarks.RandomModels;
using Stoker.Engine;

namespace Stoker.Benchmarks.Tests.RandomModels;

public sealed class RandomModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("tiny-llama")]
    [InlineData("tiny-qwen2")]
    public async Task The_engine_opens_the_folder_and_generates(string shape)
    {
        RandomModel.Write(RandomShape.Find(shape), _folder.Path);
        await using var engine = InferenceEngine.Open(_folder.Path, new() { Threads = 1 });
        var prompt = engine.Tokenizer.Encode("some words, 123 and more", addSpecialTokens: true);
        prompt[0].ShouldBe(RandomTokenizer.Bos(RandomShape.Find(shape)));
        engine.Tokenizer.Decode(prompt, skipSpecialTokens: true).ShouldBe("some words, 123 and more");
        await using var generation = engine.Submit(new() { PromptTokens = prompt, MaxTokens = 8, IgnoreEos = true });
        (await generation.CompleteAsync(TestContext.Current.CancellationToken)).Choices[0].Tokens.Count.ShouldBe(8);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_another_seed_others()
    {
        byte[] Written(ulong seed)
        {
            RandomModel.Write(RandomShape.TinyQwen, _folder.Path, seed);
            return File.ReadAllBytes(_folder["model.safetensors"]);
        }

        var first = Written(1);
        Written(1).ShouldBe(first);
        Written(2).ShouldNotBe(first);
    }

    [Fact]
    public void Noise_has_mean_0_and_deviation_0_02()
    {
        var bits = new ushort[1_000_001]; // the last word is used in part
        NormalNoise.Fill(bits, seed: 7, tensor: 3, block: 0);
        var values = bits.Select(value => (double)BitConverter.UInt32BitsToSingle((uint)value << 16)).ToList();
        values.Average().ShouldBe(0, 0.0001);
        Math.Sqrt(values.Average(value => value * value)).ShouldBe(0.02, 0.0001);
        (values.Count(value => Math.Abs(value) < 0.02) / 1_000_001.0).ShouldBe(0.6827, 0.003);
    }

    [Fact]
    public void Blocks_and_tensors_differ()
    {
        ushort[] Noise(int tensor, long block)
        {
            var values = new ushort[64];
            NormalNoise.Fill(values, 7, tensor, block);
            return values;
        }

        new[] { Noise(0, 0), Noise(0, 1), Noise(1, 0), Noise(1, 1) }.Select(values => string.Join(' ', values)).Distinct().Count().ShouldBe(4);
    }

    [Fact]
    public void A_vocabulary_that_does_not_hold_the_bytes_is_refused() =>
        Should.Throw<UsageException>(() => RandomShape.TinyLlama.WithVocabulary(263)).Message.ShouldContain("at least 264");

    [Fact]
    public void The_real_shapes_have_their_known_sizes()
    {
        RandomShape.Llama1B.Tensors().Sum(tensor => tensor.ElementCount).ShouldBe(1_235_814_400);
        RandomShape.Qwen05B.Tensors().Sum(tensor => tensor.ElementCount).ShouldBe(494_032_768);
    }

    public void Dispose() => _folder.Dispose();
}
