// Copyright (c) 2026 gpudev.workstation contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// A registry provider over one text file, so that the real Get-Item and Get-ChildItem run on HKLM: and HKCU: on any system, with their own parameter
// binding and their own errors. A line is `key PATH`, `denied PATH` or `value PATH NAME KIND DATA`, tab-separated, texts in base64. The file is read anew
// for each question, because the programs of the station change it.
using System;
using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.IO;
using System.Linq;
using System.Management.Automation;
using System.Management.Automation.Provider;
using System.Text;

namespace Lookalike
{
    public sealed class Key
    {
        internal readonly Dictionary<string, object> Held = new Dictionary<string, object>(StringComparer.OrdinalIgnoreCase);

        internal Key(string path) { Name = path; }

        public string Name { get; private set; }

        public string PSChildName { get { return Name.Substring(Name.LastIndexOf('\\') + 1); } }

        public string[] GetValueNames() { return Held.Keys.ToArray(); }

        public object GetValue(string name)
        {
            object value;
            return Held.TryGetValue(name ?? "", out value) ? value : null;
        }

        public override string ToString() { return Name; }
    }

    public sealed class Hive
    {
        public static string Source = "";

        internal readonly Dictionary<string, Key> Keys = new Dictionary<string, Key>(StringComparer.OrdinalIgnoreCase);
        internal readonly HashSet<string> Denied = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

        internal static Hive Read()
        {
            var hive = new Hive();
            foreach (var line in File.ReadAllLines(Source))
            {
                var words = line.Split('\t');
                var path = Clean(Text(words[1]));
                if (words[0] == "denied") { hive.Denied.Add(path); continue; }
                Key key;
                if (!hive.Keys.TryGetValue(path, out key)) { hive.Keys[path] = key = new Key(path); }
                if (words[0] == "value") { key.Held[Text(words[2])] = Data(words[3], words[4]); }
            }
            return hive;
        }

        internal static string Clean(string path)
        {
            path = path.Replace('/', '\\').TrimEnd('\\');
            foreach (var name in new[] { "HKEY_LOCAL_MACHINE=HKLM:", "HKEY_CURRENT_USER=HKCU:", "HKEY_USERS=HKU:" })
            {
                var pair = name.Split('=');
                if (path.StartsWith(pair[0], StringComparison.OrdinalIgnoreCase)) { return pair[1] + path.Substring(pair[0].Length); }
            }
            return path;
        }

        internal bool Exists(string path)
        {
            path = Clean(path);
            return path.Length == 0 || path.EndsWith(":") || Keys.ContainsKey(path) || Children(path).Any();
        }

        internal IEnumerable<string> Children(string path)
        {
            var start = Clean(path) + "\\";
            return Keys.Keys.Where(key => key.StartsWith(start, StringComparison.OrdinalIgnoreCase))
                .Select(key => key.Substring(start.Length).Split('\\')[0]).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        }

        internal Key Get(string path)
        {
            Key key;
            return Keys.TryGetValue(Clean(path), out key) ? key : new Key(Clean(path));
        }

        static string Text(string base64) { return Encoding.UTF8.GetString(Convert.FromBase64String(base64)); }

        static object Data(string kind, string base64)
        {
            var text = Text(base64);
            switch (kind)
            {
                case "number": return long.Parse(text) == (int)long.Parse(text) ? (object)(int)long.Parse(text) : long.Parse(text);
                case "binary": return Convert.FromBase64String(text);
                case "multi": return text.Length == 0 ? new string[0] : text.Split('\n');
                default: return text;
            }
        }
    }

    [CmdletProvider("Registry", ProviderCapabilities.ShouldProcess)]
    public sealed class RegistryProvider : NavigationCmdletProvider
    {
        protected override Collection<PSDriveInfo> InitializeDefaultDrives()
        {
            return new Collection<PSDriveInfo>
            {
                new PSDriveInfo("HKLM", ProviderInfo, "HKLM:", "", null),
                new PSDriveInfo("HKCU", ProviderInfo, "HKCU:", "", null),
            };
        }

        protected override bool IsValidPath(string path) { return true; }

        protected override bool ItemExists(string path) { return Hive.Read().Exists(path); }

        protected override bool IsItemContainer(string path) { return true; }

        protected override bool HasChildItems(string path) { return Hive.Read().Children(path).Any(); }

        // As in the real provider, a key that may not be read exists, and reading it is an error.
        protected override void GetItem(string path)
        {
            var hive = Hive.Read();
            path = Hive.Clean(path);
            if (hive.Denied.Contains(path))
            {
                var denied = new System.Security.SecurityException("Requested registry access is not allowed.");
                WriteError(new ErrorRecord(denied, denied.GetType().FullName, ErrorCategory.PermissionDenied, path));
                return;
            }
            WriteItemObject(hive.Get(path), path, true);
        }

        protected override void GetChildItems(string path, bool recurse)
        {
            var hive = Hive.Read();
            foreach (var name in hive.Children(path))
            {
                var child = Hive.Clean(path) + "\\" + name;
                WriteItemObject(hive.Get(child), child, true);
            }
        }
    }
}
