using System.Globalization;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Addons;

/// <summary>One changed projection of an addon and the place in the graph where it belongs.</summary>
/// <param name="Path">The module in the base model, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="Scale">alpha / rank, or with rslora alpha / sqrt(rank).</param>
/// <param name="A">[rank, inputs].</param>
/// <param name="B">[outputs, rank].</param>
/// <param name="Targets">Rows of B and the outputs that they change; two where gate and up are one module.</param>
internal sealed record AddonModule(
    string Path, int Layer, AddonPlace Place, int Rank, float Scale, WeightMatrix A, WeightMatrix B, IReadOnlyList<AddonTarget> Targets);

/// <summary>Some rows of B and where they are added.</summary>
/// <param name="FirstRow">Of B.</param>
/// <param name="FirstOutput">Of the matrix in the graph.</param>
/// <param name="Second">That matrix is up, the second of a gated pair.</param>
internal readonly record struct AddonTarget(int FirstRow, int Rows, int FirstOutput, bool Second)
{
    public int FirstPanel => FirstOutput / PanelLayout.Rows;

    public int PanelCount => PanelLayout.PanelCount(FirstOutput + Rows) - FirstPanel;
}

/// <summary>Where a base model's projections stand in the graph: from an addon's module names to places and outputs.</summary>
internal sealed class AddonPlaces(DecoderSpec spec)
{
    private int Queries => spec.Heads * spec.HeadDim;

    private int Keys => spec.KvHeads * spec.HeadDim;

    /// <summary>A module's place; null: the base model has no such module that an addon may change.</summary>
    /// <param name="path">Such as <c>model.layers.0.mlp.down_proj</c>.</param>
    public AddonSite? Find(string path)
    {
        if (!LoraModules.CanChange(path) || path.Split('.') is not [_, _, var number, var block, var name]
            || !int.TryParse(number, NumberStyles.None, null, out var layer) || layer >= spec.Layers.Count)
        {
            return null;
        }

        return block switch
        {
            "self_attn" => Attention(layer, name),
            "mlp" when spec.Experts is null => Mlp(layer, name),
            _ => null,
        };
    }

    /// <summary>Every module that an addon may change.</summary>
    public IEnumerable<string> Paths()
    {
        string[] attention = spec.FusedProjections ? ["qkv_proj", "o_proj"] : ["q_proj", "k_proj", "v_proj", "o_proj"];
        string[] mlp = spec.FusedProjections ? ["gate_up_proj", "down_proj"] : ["gate_proj", "up_proj", "down_proj"];
        for (var layer = 0; layer < spec.Layers.Count; layer++)
        {
            foreach (var name in attention) yield return $"model.layers.{layer}.self_attn.{name}";
            foreach (var name in spec.Experts is null ? mlp : []) yield return $"model.layers.{layer}.mlp.{name}";
        }
    }

    private AddonSite? Attention(int layer, string name) => (name, spec.FusedProjections) switch
    {
        ("q_proj", false) => Fused(layer, 0, Queries),
        ("k_proj", false) => Fused(layer, Queries, Keys),
        ("v_proj", false) => Fused(layer, Queries + Keys, Keys),
        ("qkv_proj", true) => Fused(layer, 0, Queries + (2 * Keys)),
        ("o_proj", _) => new(layer, AddonPlace.Output, spec.HiddenSize, Queries, [new(0, spec.HiddenSize, 0, Second: false)]),
        _ => null,
    };

    private AddonSite Fused(int layer, int first, int rows) =>
        new(layer, AddonPlace.Qkv, rows, spec.HiddenSize, [new(0, rows, first, Second: false)]);

    private AddonSite? Mlp(int layer, string name)
    {
        var (hidden, inner) = (spec.HiddenSize, spec.IntermediateSize);
        return (name, spec.FusedProjections) switch
        {
            ("gate_proj", false) => new(layer, AddonPlace.GateUp, inner, hidden, [new(0, inner, 0, Second: false)]),
            ("up_proj", false) => new(layer, AddonPlace.GateUp, inner, hidden, [new(0, inner, 0, Second: true)]),
            ("gate_up_proj", true) => new(
                layer, AddonPlace.GateUp, 2 * inner, hidden, [new(0, inner, 0, Second: false), new(inner, inner, 0, Second: true)]),
            ("down_proj", _) => new(layer, AddonPlace.Down, hidden, inner, [new(0, hidden, 0, Second: false)]),
            _ => null,
        };
    }
}

/// <summary>A module of the base model that an addon may change.</summary>
internal sealed record AddonSite(int Layer, AddonPlace Place, int Outputs, int Inputs, IReadOnlyList<AddonTarget> Targets);
