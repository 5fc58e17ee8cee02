namespace Firectl.Settings;

/// <summary>
/// The small INI form of <c>auth.ini</c> and <c>settings.ini</c>: <c>[section]</c>, <c>key = value</c>, comments with #
/// or ;.
/// </summary>
/// <remarks>
/// Keys before the first section belong to the section named "". Writing keeps lines it does not know.
/// </remarks>
internal sealed class IniFile
{
    private readonly List<string> _lines;

    private IniFile(List<string> lines) => _lines = lines;

    public static IniFile Read(string path) => new(File.Exists(path) ? [.. File.ReadAllLines(path)] : []);

    public string? Get(string section, string key)
    {
        var current = "";
        foreach (var line in _lines)
        {
            if (SectionOf(line) is { } name) current = name;
            else if (current == section && PairOf(line) is { } pair && pair.Key == key) return pair.Value;
        }

        return null;
    }

    public bool Has(string section) => _lines.Exists(line => SectionOf(line) == section);

    public void Set(string section, string key, string value)
    {
        var (current, end, text) = ("", section.Length == 0 ? 0 : -1, $"{key} = {value}");
        for (var i = 0; i < _lines.Count; i++)
        {
            if (SectionOf(_lines[i]) is { } name) current = name;
            if (current != section) continue;
            if (PairOf(_lines[i])?.Key == key)
            {
                _lines[i] = text;
                return;
            }

            if (_lines[i].Trim().Length > 0) end = i + 1;
        }

        if (end < 0)
        {
            _lines.Add($"[{section}]");
            end = _lines.Count;
        }

        _lines.Insert(end, text);
    }

    public void Remove(string section, string key)
    {
        var current = "";
        for (var i = 0; i < _lines.Count; i++)
        {
            if (SectionOf(_lines[i]) is { } name) current = name;
            if (current == section && PairOf(_lines[i])?.Key == key) _lines.RemoveAt(i--);
        }
    }

    /// <summary>
    /// Writes the file readable by its owner alone, by a rename, so that a key is never lost or seen by others
    /// half-way.
    /// </summary>
    public void WritePrivate(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var temporary = $"{path}.{Environment.ProcessId}";
        using (var writer = new StreamWriter(temporary, options))
        {
            foreach (var line in _lines) writer.WriteLine(line);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static string? SectionOf(string line) =>
        line.Trim() is ['[', .. var name, ']'] ? name.Trim() : null;

    private static (string Key, string Value)? PairOf(string line)
    {
        var text = line.Trim();
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals <= 0 || text[0] is '#' or ';'
            ? null
            : (text[..equals].TrimEnd(), text[(equals + 1)..].TrimStart());
    }
}
