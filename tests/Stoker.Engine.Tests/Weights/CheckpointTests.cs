using System.Text.Json.Nodes;
using Stoker.Engine.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Weights;

/// <summary>Whole checkpoints: shards and their index, cut files, pickles, and where the bytes lie.</summary>
public class CheckpointTests
{
    private const string FirstShard = "model-00001-of-00002.safetensors";
    private const string SecondShard = "model-00002-of-00002.safetensors";

    [Fact]
    public void Shards_are_read_as_one_set_of_tensors()
    {
        using var checkpoint = Checkpoint.Open(TestData.Architecture("mistral"));
        checkpoint.Tensors.Count().ShouldBe(21);
        checkpoint.Matrix("lm_head.weight", 264, 64).Rows.ShouldBe(264);
        checkpoint.Vector("model.norm.weight", 64).ShouldContain(value => value != 0);
    }

    [Theory]
    [InlineData("../model-00001-of-00002.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/model.safetensors")]
    [InlineData("..\\model.safetensors")]
    [InlineData("C:model.safetensors")]
    [InlineData(".hidden.safetensors")]
    [InlineData("model.bin")]
    [InlineData("model.safetensors\u0000")]
    [InlineData("")]
    public void Shard_names_that_are_more_than_bare_file_names_are_refused(string shard)
    {
        using var folder = Sharded(map => map["model.norm.weight"] = shard);
        var error = Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path));
        (error.File, error.Item).ShouldBe((ShardIndex.FileName, "model.norm.weight"));
    }

    [Fact]
    public void A_shard_name_that_is_no_string_is_refused()
    {
        using var folder = Sharded(map => map["model.norm.weight"] = 7);
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path)).Item.ShouldBe("model.norm.weight");
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        using var folder = Sharded(_ => { });
        File.Delete(folder.File(SecondShard));
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path)).File.ShouldBe(SecondShard);
    }

    [Fact]
    public void A_tensor_in_another_shard_than_the_index_says_is_refused()
    {
        using var folder = Sharded(map =>
            map["model.norm.weight"] = map["model.norm.weight"]!.GetValue<string>() == FirstShard ? SecondShard : FirstShard);
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path)).Item.ShouldBe("model.norm.weight");
    }

    [Fact]
    public void Tensors_that_index_and_shards_do_not_agree_on_are_refused()
    {
        using var unlisted = Sharded(map => map.Remove("model.norm.weight"));
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(unlisted.Path)).Reason.ShouldContain("is not listed");
        using var invented = Sharded(map => map["model.invented.weight"] = FirstShard);
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(invented.Path)).Item.ShouldBe("model.invented.weight");
        using var doubled = Sharded(map => map["model.invented.weight"] = "model-copy.safetensors");
        File.Copy(doubled.File(FirstShard), doubled.File("model-copy.safetensors"));
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(doubled.Path)).Reason.ShouldContain("is also in");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"weight_map": []}""")]
    [InlineData("""{"weight_map": {}}""")]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("""{"weight_map": {"a": "\ud800.safetensors"}}""")]
    [InlineData("""{"weight_map": {"\udc00": "a.safetensors"}}""")]
    public void A_broken_index_is_refused(string json)
    {
        using var folder = Sharded(_ => { });
        File.WriteAllText(folder.File(ShardIndex.FileName), json);
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path)).File.ShouldBe(ShardIndex.FileName);
    }

    [Fact]
    public void Pickles_are_refused_by_what_they_are()
    {
        using var folder = new TemporaryFolder();
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path)).Reason.ShouldNotContain("pickle");
        File.WriteAllBytes(folder.File("pytorch_model-00001-of-00002.bin"), [0x80, 0x02]);
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path)).Reason.ShouldContain("pickle");
    }

    [Fact]
    public void A_file_cut_at_any_length_is_refused()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(Path.Combine(TestData.Model("story-3m-lora-bolt"), "adapter_model.safetensors"));
        foreach (var length in Enumerable.Range(0, 20).Concat([100, 1000, 4000, whole.Length / 2, whole.Length - 1]))
        {
            File.WriteAllBytes(folder.File("model.safetensors"), whole[..length]);
            foreach (var placement in Enum.GetValues<WeightPlacement>())
            {
                Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path, placement).Dispose()).File.ShouldBe("model.safetensors");
            }
        }

        File.WriteAllBytes(folder.File("model.safetensors"), [.. whole, 0]);
        Should.Throw<ModelLoadException>(() => Checkpoint.Open(folder.Path)).Reason.ShouldContain("has a tail");
    }

    [Fact]
    public void Copied_weights_survive_the_end_of_their_file()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen2"));
        using var checkpoint = Checkpoint.Open(folder.Path); // small: copied
        File.WriteAllBytes(folder.File("model.safetensors"), []);
        checkpoint.Vector("model.norm.weight", 64).ShouldContain(value => value != 0);
    }

    [Fact]
    public void Headers_alone_give_shapes_and_no_values()
    {
        using var checkpoint = Checkpoint.Open(TestData.Model("story-3m"), WeightPlacement.None);
        checkpoint.Matrix("model.embed_tokens.weight", 2048, 192).SizeBytes.ShouldBe(2048 * 192 * 2);
        checkpoint.Vector("model.norm.weight", 192).ShouldAllBe(value => value == 0);
    }

    [Fact]
    public void Types_that_are_not_computed_with_are_refused_when_asked_for()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(
            folder.File("model.safetensors"), new SafetensorsBuilder().Add("w", "F8_E4M3", [2, 2], new byte[4]).Build());
        using var checkpoint = Checkpoint.Open(folder.Path);
        Should.Throw<ModelLoadException>(() => checkpoint.Matrix("w", 2, 2)).Reason
            .ShouldBe("has type F8_E4M3; BF16, F16 and F32 weights are supported");
    }

    [Fact]
    public void Asking_for_another_shape_or_name_is_a_load_error()
    {
        using var checkpoint = Checkpoint.Open(TestData.Architecture("qwen2"));
        Should.Throw<ModelLoadException>(() => checkpoint.Matrix("model.embed_tokens.weight", 64, 264)).Reason
            .ShouldBe("has shape [264, 64], the config asks for [64, 264]");
        Should.Throw<ModelLoadException>(() => checkpoint.Vector("model.embed_tokens.weight", 264 * 64));
        Should.Throw<ModelLoadException>(() => checkpoint.Vector("model.missing", 1)).Reason.ShouldBe("is missing");
    }

    private static TemporaryFolder Sharded(Action<JsonObject> change)
    {
        var folder = TemporaryFolder.CopyOf(TestData.Architecture("mistral"));
        var index = JsonNode.Parse(File.ReadAllText(folder.File(ShardIndex.FileName)))!;
        change(index["weight_map"]!.AsObject());
        File.WriteAllText(folder.File(ShardIndex.FileName), index.ToJsonString());
        return folder;
    }
}
