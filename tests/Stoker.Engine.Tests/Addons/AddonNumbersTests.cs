using System.Runtime.InteropServices;
using Stoker.Engine.Addons;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Addons;

/// <summary>What is no finite number in bf16 is refused when an addon is loaded, wherever it stands and in whatever type.</summary>
public sealed class AddonNumbersTests
{
    private const string Path = "model.layers.0.self_attn.q_proj";
    private const int Rank = 5;
    private static readonly DecoderSpec Spec = RandomAddon.Spec(TestData.Model("story-3m"));
    private static readonly AddonSite Site = new AddonPlaces(Spec).Find(Path)!;

    [Theory]
    [InlineData("BF16", 0x7F80u)] // infinity
    [InlineData("BF16", 0xFF80u)]
    [InlineData("BF16", 0x7FC0u)]
    [InlineData("F16", 0x7C00u)]
    [InlineData("F16", 0xFE00u)]
    [InlineData("F32", 0x7F800000u)]
    [InlineData("F32", 0xFFC00000u)]
    [InlineData("F32", 0x7F7F8000u)] // finite, and infinite once it is rounded
    public void Is_refused_by_tensor_and_row_in_every_place(string type, uint bits)
    {
        for (var index = 0; index < Rank * Site.Inputs; index += 37)
        {
            var error = Should.Throw<ModelLoadException>(() => Read(type, index, bits));
            error.Item.ShouldBe(Path + ".lora_A.weight");
            error.Reason.ShouldBe(
                $"row {index / Site.Inputs} holds NaN, an infinity or a number that bf16 cannot hold; an answer with it would be none: save the adapter from a state of its training before that");
        }
    }

    [Theory]
    [InlineData("BF16", 0xFF7Fu)]
    [InlineData("F16", 0xFBFFu)]
    [InlineData("F32", 0x7F7F7FFFu)]
    public void The_largest_of_each_type_that_bf16_holds_are_numbers(string type, uint bits) => Read(type, 7, bits).ShouldBe(1);

    private static int Read(string type, int index, uint bits)
    {
        var width = type == "F32" ? 4 : 2;
        var a = new byte[width * Rank * Site.Inputs];
        MemoryMarshal.AsBytes([bits])[..width].CopyTo(a.AsSpan(width * index));
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File(PeftAddon.WeightsFile), new SafetensorsBuilder()
            .Add(LoraModules.Prefix + Path + LoraModules.SuffixA, type, [Rank, Site.Inputs], a)
            .Add(LoraModules.Prefix + Path + LoraModules.SuffixB, type, [Site.Outputs, Rank], new byte[width * Rank * Site.Outputs])
            .Build());
        File.WriteAllText(folder.File(PeftAddon.ConfigFile), $$"""{"peft_type":"LORA","r":{{Rank}},"target_modules":["{{Path}}"]}""");
        using var file = AddonFile.Open(folder.Path, Spec, maxRank: 16);
        var modules = 0;
        file.Read(_ => modules++);
        return modules;
    }
}
