namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>The script of a character, such as Han.</summary>
internal static class Scripts
{
    public static byte Of(int code) =>
        ScriptTable.ScriptBlocks[(ScriptTable.ScriptIndex[code >> 7] << 7) | (code & 127)];

    /// <summary>The script of a name as Unicode spells it, in any case; null when there is none.</summary>
    public static byte? Find(string name)
    {
        var index =
            Array.FindIndex(ScriptTable.Names, script => script.Equals(name, StringComparison.OrdinalIgnoreCase));
        return index < 0 ? null : (byte)index;
    }
}
