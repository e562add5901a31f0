r"""Where commands, databases and markup write a password: one line each. Data only, as in ``vendors.py``.

The secret is the first group that takes part in the match. ``VALUE`` matches a value in quotes or without.
"""

from __future__ import annotations

from warroom.safety.token_formats import Vendor, rows

__all__ = ["forms"]


def forms() -> list[Vendor]:
    """All lines, in the order of the table."""
    return [form._replace(pattern=form.pattern.replace("VALUE", _VALUE)) for form in rows(_TABLE)]


_VALUE = r"""(?:'([^']{2,})|"([^"]{2,})|([^\s'"‹›-][^\s'"]{2,}))"""
_TABLE = r"""
password  -      (?:mysql\w{0,6}|mariadb(?:-\w{1,6})?)\s(?:[^|;&]*?\s)?-pVALUE                  https://dev.mysql.com/doc/refman/8.4/en/connecting.html
password  -      (?:mongo(?:sh|dump|restore|export|import|stat)?)\s(?:[^|;&]*?\s)?-p\s+VALUE     https://www.mongodb.com/docs/mongodb-shell/reference/options/
password  -      sshpass\s+(?:-\w\s+)?-p\s*VALUE                                                 https://man7.org/linux/man-pages/man1/sshpass.1.html
password  -      (?:docker|podman|nerdctl|buildah|skopeo|oras|crane|helm|az|oc)\s(?:[^|;&]*?\s)?login\s(?:[^|;&]*?\s)?-p[\s=]*VALUE  https://docs.docker.com/reference/cli/docker/login/
password  -      (?:redis|valkey|keydb)-cli\s(?:[^|;&]*?\s)?-a\s*VALUE                           https://redis.io/docs/latest/develop/tools/cli/
password  -      (?:curl|http|https|wget|siege|ab)\s(?:[^|;&]*?\s)?(?:-[a-zA-Z]{0,6}[uUaA]|--(?:proxy-)?user)[\s=]*(?:'[^\s:']{0,128}:([^']+)|"[^\s:"]{0,128}:([^"]+)|[^\s:"'/]{0,128}:([^\s"'/][^\s"']*))  https://curl.se/docs/manpage.html
cookie    -      curl\s(?:[^|;&]*?\s)?(?:-b|--cookie)[\s=]*(?:'([^'=]+=[^']+)|"([^"=]+=[^"]+)|([^\s'"=]+=[^\s'"]+))  https://curl.se/docs/manpage.html
password  -      (?:ldap\w{2,8})\s(?:[^|;&]*?\s)?-w\s*VALUE                                      https://man7.org/linux/man-pages/man1/ldapsearch.1.html
password  -      (?:smbclient|rpcclient|net|mount\.cifs|winexe|wmic)\s(?:[^|;&]*?\s)?(?:-U|--user)[\s=]*["']?[^\s%"']{1,100}%([^\s"']{3,})  https://www.samba.org/samba/docs/current/man-html/smbclient.1.html
password  -      (?:sqlcmd|bcp|isql|osql)\s(?:[^|;&]*?\s)?-P\s*VALUE                             https://learn.microsoft.com/en-us/sql/tools/sqlcmd/sqlcmd-utility
password  -      (?:sqlplus|rman|exp|imp|expdp|impdp|sqlldr)\s(?:[^|;&]*?\s)?[\w$.]{1,60}/([^\s@/"']{3,})@[\w.-]*  https://docs.oracle.com/en/database/oracle/oracle-database/23/sqpug/
password  -      jdbc:oracle:thin:[\w$.]{1,60}/([^\s@/"']{3,})@[\w.-]*                                  https://docs.oracle.com/en/database/oracle/oracle-database/23/jjdbc/
password  -      htpasswd\s+-\w*b\w*\s+(?:\S+\s+)?\S+\s+VALUE                                    https://httpd.apache.org/docs/2.4/programs/htpasswd.html
password  -      (?:-pass(?:in|out|word)?|-k)\s+["']?pass:([^\s"']{3,})                           https://docs.openssl.org/3.5/man1/openssl-passphrase-options/
password  -      (?:7z[azr]?|rar|unrar)\s(?:[^|;&]*?\s)?-p([^\s"']{3,})                          https://www.7-zip.org/
password  -      (?:zip|unzip)\s(?:[^|;&]*?\s)?-P\s*VALUE                                        https://infozip.sourceforge.net/
password  -      ssh-keygen\s(?:[^|;&]*?\s)?-[NP]\s*VALUE                                         https://man.openbsd.org/ssh-keygen
password  -      net\s+use\s+\S+\s+(?:\\\\\S+\s+)?([^\s/\\]\S{2,})\s+/user:\S+                   https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/net-use
password  -      /user:\S+\s+/p(?:ass(?:word)?)?:([^\s"']{3,})                                   https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/
password  -      psexec(?:64)?(?:\.exe)?\s(?:[^|;&]*?\s)?-p\s+VALUE                              https://learn.microsoft.com/en-us/sysinternals/downloads/psexec
password  -      lftp\s(?:[^|;&]*?\s)?-u\s+[^\s,]{1,100},([^\s"']{3,})                            https://lftp.yar.ru/lftp-man.html
password  -      rabbitmqctl\s(?:[^|;&]*?\s)?(?:add_user|change_password)\s+\S+\s+VALUE           https://www.rabbitmq.com/docs/access-control
password  -      (?i)ConvertTo-SecureString\s+(?:-String\s+)?(?:'([^']+)|"([^"]+))                https://learn.microsoft.com/en-us/powershell/module/microsoft.powershell.security/convertto-securestring
password  -      echo\s+(?:-n\s+)?["']?[\w.-]{1,60}:([^\s"'|]{3,})["']?\s*\|\s*(?:sudo\s+)?chpasswd  https://man7.org/linux/man-pages/man8/chpasswd.8.html
password  -      echo\s+(?:-n\s+)?["']?([^\s"'|$]{3,})["']?\s*\|\s*(?:sudo\s+(?:\S+\s+)?-S|[^|;&]*--(?:password|passphrase|token)-(?:stdin|fd))  https://docs.docker.com/reference/cli/docker/login/
password  -      (?:machine\s+\S+|default)\s+login\s+\S+\s+password\s+(\S{3,})                    https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html
password  -      (?i)login\s+\S{1,128}\s+password\s+(\S{3,})                                      https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html
password  digit  (?i)(?:password|secret)\s+[05789]\s+(\S{6,})                                     https://www.cisco.com/c/en/us/support/docs/security-vpn/remote-authentication-dial-user-service-radius/107614-64.html
password  -      (?i)(?:password|passwd|passphrase)\s{1,4}=?\s*\(?\s*(?:N?'([^']{3,})'|"([^"]{3,})")  https://www.postgresql.org/docs/current/sql-createrole.html
password  -      (?i)[({]\s*["']?[\w.-]{0,40}(?:password|passwd|pwd|passphrase|secret|api_?key)["']?\s*,\s*(?:'([^']{3,})'|"([^"]{3,})")\s*[)}]  https://www.erlang.org/doc/system/data_types.html
password  -      (?i)password\(\s*(?:'([^']{3,})'|"([^"]{3,})")                                   https://dev.mysql.com/doc/refman/8.4/en/set-password.html
password  -      (?i)identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+|values\s+)?(?:'([^']{3,})'|"([^"]{3,})")  https://dev.mysql.com/doc/refman/8.4/en/create-user.html
password  -      (?i)(?:create|alter)\s+user\s+\S+\s+identified\s+by\s+([^\s"';]{3,})             https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf/CREATE-USER.html
password  -      (?i)(?:name|key|id)=["'][\w.-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|api_?key)["'][^<>]*>([^<]{3,})<  https://www.w3.org/TR/xml/
password  -      (?i)[\w.-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|api_?key)(?:%5D)?(?:%22|%27)?(?:%3D|%3A)(?:%22|%27|%20|\+)*((?:[^\s&"'<>%]|%(?:[013-9A-F][0-9A-F]|2[013-589ABD-F]))+)  https://www.rfc-editor.org/rfc/rfc3986#section-2.1
query-secret  -  SharedAccessSignature\s+\S*?sig=([\w%+/=-]{20,})                                https://learn.microsoft.com/en-us/rest/api/eventhub/generate-sas-token
"""
