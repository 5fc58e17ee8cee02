using System.Text;
using Stoker.Engine.Tokenization.Normalizers;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads <c>normalizer</c>.</summary>
internal static class NormalizerReader
{
    private const string Known =
        "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace, ByteLevel";

    public static NormalizerChain Read(ComponentJson normalizer)
    {
        var chain = new List<Normalizer>();
        if (!normalizer.IsNull) Add(normalizer, chain);
        return new NormalizerChain(chain);
    }

    private static void Add(ComponentJson normalizer, List<Normalizer> chain)
    {
        if (normalizer.Type != "Sequence")
        {
            chain.Add(ReadOne(normalizer));
            return;
        }

        foreach (var item in normalizer.Items("normalizers")) Add(item, chain);
    }

    private static Normalizer ReadOne(ComponentJson normalizer) => normalizer.Type switch
    {
        "NFC" => new UnicodeNormalizer(UnicodeForm.Nfc),
        "NFD" => new UnicodeNormalizer(UnicodeForm.Nfd),
        "NFKC" => new UnicodeNormalizer(UnicodeForm.Nfkc),
        "NFKD" => new UnicodeNormalizer(UnicodeForm.Nfkd),
        "Lowercase" => new LowercaseNormalizer(),
        "StripAccents" => new StripAccentsNormalizer(),
        "Strip" => new StripNormalizer(normalizer.Flag("strip_left", absent: true), normalizer.Flag("strip_right", absent: true)),
        "Prepend" => new PrependNormalizer(Encoding.UTF8.GetBytes(normalizer.Text("prepend"))),
        "Replace" => new ReplaceNormalizer(
            PatternReader.Read(normalizer.Member("pattern")), Encoding.UTF8.GetBytes(normalizer.Text("content"))),
        "ByteLevel" => new ByteLevelNormalizer(),
        _ => throw normalizer.Unsupported("the normalizer", Known),
    };
}
