-- Made by a release that gave nothing back, the table takes no numbers below zero. No change where it does.
alter table usage_events modify column amount Int32
