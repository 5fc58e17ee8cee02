using System.Security.Cryptography;
using Stoker.Engine.Tokenization.Tables;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Tests.Weights.Packed;

/// <summary>
/// The bytes of packed files, pinned to the versions that stand in them: an engine takes a file of its version as it is,
/// so one with other bytes must not have the same.
/// </summary>
public class PackedVersionTests
{
    private const uint Version = 2, TablesVersion = 1; // of the digests below
    private const string Advice =
        "the bytes of packed models have changed: raise PackedFormat.Version (TablesFormat.Version, if only the tokenizer's tables have), "
        + "and then put the new versions and digests here";

    /// <summary>Together they have every kind of item: experts, biases, norms of heads, a factor, tied and own heads; bf16 and f16 stored.</summary>
    private static readonly string[] Models = ["gemma2", "mixtral", "qwen2", "qwen3"];

    [Theory]
    [InlineData(Precision.Auto, "539a75f802ebb57a7cc8b447ebb005630c1a8b747466a037d340fe78009930f0")]
    [InlineData(Precision.F32, "1efd8d79e1a6b65a60d0824f098563d4635d505932f1e1e7e946fb655cee7176")]
    [InlineData(Precision.Bf16, "b50ccb071c61d25dcfc5b618abf24040a796a02e272f97c0a797877523804d8c")]
    [InlineData(Precision.Int8, "78fb55b94d295bb9fec04e78168ac219df500e4630f78cc98dfc5bbe1c404a85")]
    [InlineData(Precision.Fp8, "42c6a906216fec4a9b1d4cadcf04a8eebd87ee9fa408e7702638aed557236296")]
    [InlineData(Precision.Fp4, "cd01f70dc2bb189b90e194a94e42c7f5bef06586e96be4e43782898030a4c6c4")]
    public void A_version_stands_for_its_bytes(Precision precision, string digest)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var model in Models)
        {
            using var sample = PackedSample.Of(model, precision);
            var file = File.ReadAllBytes(sample.File);
            PackedBytes.ClearWhatIsOfThePlace(file);
            all.AppendData(file);
        }

        Convert.ToHexStringLower(all.GetHashAndReset()).ShouldBe(digest, Advice);
        (PackedFormat.Version, TablesFormat.Version).ShouldBe((Version, TablesVersion), Advice);
    }
}
