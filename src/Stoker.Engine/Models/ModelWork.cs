using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>What a step costs a machine at least: the weights it reads, whatever its size, and their multiply-adds.</summary>
/// <remarks>
/// Attention, norms and the KV cache are left out: a few percent at common lengths, so a share of a limit that is
/// taken from here is stated a little low. Of a mixture's experts every one is counted as read by a step and as many as a
/// token chooses as computed.
/// </remarks>
/// <param name="WeightBytes">Scales included; of an embedding that is not the head too only the rows in use are read: 0.</param>
/// <param name="Layers">Multiply-adds of one token in the layers, by the weights' format.</param>
/// <param name="Head">Multiply-adds of one token whose logits are wanted.</param>
internal sealed record ModelWork(
    long WeightBytes, IReadOnlyDictionary<WeightFormat, long> Layers, (WeightFormat Format, long MultiplyAdds) Head)
{
    public static ModelWork Of(DecoderSpec spec, DecoderWeights weights)
    {
        var (bytes, layers) = (weights.Head.SizeBytes, new Dictionary<WeightFormat, long>());
        foreach (var layer in weights.Layers)
        {
            Count(layer.Qkv.Weight, 1);
            Count(layer.Output.Weight, 1);
            if (layer.Router is not null) Count(layer.Router, 1);
            var share = spec.Experts is { } experts ? (double)experts.PerToken / experts.Count : 1;
            foreach (var mlp in layer.Mlps)
            {
                Count(mlp.GateUp.Gate, share);
                Count(mlp.GateUp.Up, share);
                Count(mlp.Down.Weight, share);
            }
        }

        return new(bytes, layers, (weights.Head.Format, (long)weights.Head.Rows * weights.Head.Columns));

        void Count(PanelMatrix w, double share)
        {
            bytes += w.SizeBytes;
            layers[w.Format] = layers.GetValueOrDefault(w.Format) + (long)((double)w.Rows * w.Columns * share);
        }
    }
}
