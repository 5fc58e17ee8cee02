using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Tests.Resources;

public class WireEnumTests
{
    [Fact]
    public void Names_are_those_of_the_wire()
    {
        WireEnum.NamesOf<Precision>().ShouldBe(
            "PRECISION_UNSPECIFIED, FP16, FP8, FP8_MM, FP8_AR, FP8_MM_KV_ATTN, FP8_KV, FP8_MM_V2, FP8_V2, FP8_MM_KV_ATTN_V2, NF4, FP4, BF16, "
            + "FP4_BLOCKSCALED_MM, FP4_MX_MOE, INT8");
        WireEnum.NamesOf<ModelKind>().ShouldBe(
            "KIND_UNSPECIFIED, HF_BASE_MODEL, HF_PEFT_ADDON, HF_TEFT_ADDON, FLUMINA_BASE_MODEL, FLUMINA_ADDON, DRAFT_ADDON, FIRE_AGENT, LIVE_MERGE, "
            + "CUSTOM_MODEL, EMBEDDING_MODEL, SNAPSHOT_MODEL");
        WireEnum.NamesOf<ModelState>().ShouldBe("STATE_UNSPECIFIED, UPLOADING, READY");
    }

    [Fact]
    public void Every_value_comes_back_from_its_name()
    {
        foreach (var value in Enum.GetValues<Precision>())
        {
            WireEnum.TryParse<Precision>(WireEnum.TextOf(value), out var parsed).ShouldBeTrue();
            parsed.ShouldBe(value);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("fp16")]
    [InlineData("Fp16")]
    [InlineData("1")]
    [InlineData("FP16,FP8")]
    public void Anything_else_is_no_name(string? text) => WireEnum.TryParse<Precision>(text, out _).ShouldBeFalse();
}
